/** The text of a server's `/metrics`. A server without keys takes any. */
export async function metricsOf(base: string, key = "any"): Promise<string> {
  const response = await fetch(`${base}/metrics`, { headers: { authorization: `Bearer ${key}` } });
  return response.text();
}
