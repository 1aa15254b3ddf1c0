import type { IconNode } from "lucide";
import type { ComponentChildren } from "preact";
import { Icon } from "./icon.tsx";

interface ButtonProps {
  readonly onPress: () => void;
  readonly children?: ComponentChildren;
  readonly icon?: IconNode;
  /** Required without a text; also shown as a tooltip. */
  readonly label?: string;
  readonly kind?: "plain" | "primary" | "quiet";
  readonly disabled?: boolean;
  /** For buttons that stay pressed. */
  readonly pressed?: boolean;
  readonly shortcut?: string;
}

export function Button({ onPress, children, icon, label, kind = "plain", disabled, pressed, shortcut }: ButtonProps) {
  const tip = shortcut === undefined ? label : `${label ?? ""} (${shortcut})`;
  return (
    <button
      type="button"
      class={`button ${kind}${children === undefined ? " only-icon" : ""}`}
      onClick={onPress}
      disabled={disabled}
      aria-label={children === undefined ? label : undefined}
      aria-pressed={pressed}
      title={tip}
    >
      {icon && <Icon of={icon} />}
      {children !== undefined && <span>{children}</span>}
    </button>
  );
}
