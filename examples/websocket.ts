/** A session over a WebSocket: sign in, send a task, receive each image when it is finished. */

const url = (process.env.SERVER_URL ?? "http://127.0.0.1:7437").replace("http", "ws");
const socket = new WebSocket(`${url}/v1`);
const wanted = 2;
let received = 0;

const send = (task: object) => socket.send(JSON.stringify([task]));

socket.onopen = () => send({ taskType: "authentication", apiKey: "anything" });
socket.onmessage = ({ data }) => {
  const frame = JSON.parse(data) as {
    data?: { taskType: string; imageURL?: string }[];
    errors?: { message: string }[];
  };
  if (frame.errors) throw new Error(frame.errors[0]?.message);
  for (const item of frame.data ?? []) {
    if (item.taskType === "authentication") {
      send({
        taskType: "imageInference",
        taskUUID: crypto.randomUUID(),
        model: "runware:108@1",
        positivePrompt: 'A red sign that says "OPEN"',
        width: 256,
        height: 256,
        numberResults: wanted,
      });
    } else if (item.imageURL) {
      console.log(item.imageURL);
      received++;
      if (received === wanted) socket.close();
    }
  }
};
