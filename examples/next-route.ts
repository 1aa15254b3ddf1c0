/** A route handler of Next.js, `app/image/route.ts`: GET /image?text=OPEN returns a sign. The key stays on the server. */

const url = process.env.SERVER_URL ?? "http://127.0.0.1:7437";

export async function GET(request: Request): Promise<Response> {
  const text = new URL(request.url).searchParams.get("text") ?? "OPEN";
  const reply = await fetch(`${url}/v1`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${process.env.SERVER_KEY ?? "anything"}` },
    body: JSON.stringify([
      {
        taskType: "imageInference",
        taskUUID: crypto.randomUUID(),
        model: "runware:108@1",
        positivePrompt: `A red sign that says "${text.slice(0, 40)}" in white letters`,
        width: 256,
        height: 256,
        outputType: "base64Data",
        outputFormat: "PNG",
      },
    ]),
    signal: request.signal, // a browser that leaves cancels the task
  });
  const { data, error } = (await reply.json()) as { data?: { imageBase64Data: string }[]; error?: object };
  if (!data?.[0]) return Response.json({ error }, { status: reply.ok ? 502 : reply.status });
  return new Response(Buffer.from(data[0].imageBase64Data, "base64"), { headers: { "Content-Type": "image/png" } });
}
