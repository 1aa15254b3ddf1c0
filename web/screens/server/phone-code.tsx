import { generate } from "lean-qr";
import { QrCode } from "lucide";
import { useState } from "preact/hooks";
import { Button } from "../../parts/button.tsx";
import { words } from "../../text/index.ts";

/** Light modules around the code, which cameras need to find it. */
const QUIET = 4;

/** The address of this server with the key, for the camera of a phone. It is secret, so it is hidden until a press. */
export function PhoneCode({ address, secret }: { readonly address: string; readonly secret: string }) {
  const [shown, setShown] = useState(false);
  const t = words.value;
  if (!shown) {
    return (
      <div class="row">
        <Button icon={QrCode} onPress={() => setShown(true)}>
          {t.showCode}
        </Button>
      </div>
    );
  }
  const code = generate(`${address}/#key=${secret}`);
  const side = code.size + 2 * QUIET;
  const dark = Array.from({ length: code.size ** 2 }, (_, i) => [i % code.size, Math.floor(i / code.size)] as const)
    .filter(([x, y]) => code.get(x, y))
    .map(([x, y]) => `M${x + QUIET} ${y + QUIET}h1v1h-1z`)
    .join("");
  return (
    <figure class="phone-code">
      <svg viewBox={`0 0 ${side} ${side}`} role="img" aria-label={t.phone} shape-rendering="crispEdges">
        <rect width={side} height={side} fill="#fff" />
        <path d={dark} fill="#000" />
      </svg>
      <figcaption class="soft">{`${address}/#key=…`}</figcaption>
    </figure>
  );
}
