# Generates an image and saves it as sign.jpg.
url="${SERVER_URL:-http://127.0.0.1:7437}"
task_uuid=$(node -p 'crypto.randomUUID()')

reply=$(curl --fail-with-body -sS "$url/v1" -H 'Content-Type: application/json' -H 'Authorization: Bearer anything' -d "[{
  \"taskType\": \"imageInference\", \"taskUUID\": \"$task_uuid\", \"model\": \"runware:108@1\",
  \"positivePrompt\": \"A red sign that says OPEN\", \"width\": 256, \"height\": 256 }]")

curl --fail -sS -o sign.jpg "$(node -p 'JSON.parse(process.argv[1]).data[0].imageURL' "$reply")"
echo sign.jpg
