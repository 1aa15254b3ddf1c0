import { Check, Copy } from "lucide";
import { useState } from "preact/hooks";
import { copyText } from "../../copy.ts";
import { Button } from "../../parts/button.tsx";
import { words } from "../../text/index.ts";

/** The address of this server for a phone. What is copied has the key in it, what is shown has not. */
export function PhoneLink({ address, secret }: { readonly address: string; readonly secret: string }) {
  const [copied, setCopied] = useState(false);
  const t = words.value;
  const copy = () => {
    copyText(`${address}/#key=${secret}`);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <div class="row wrap">
      <code>{`${address}/#key=…`}</code>
      <Button icon={copied ? Check : Copy} onPress={copy}>
        {copied ? t.copied : t.copyLink}
      </Button>
    </div>
  );
}
