/** Keyboard shortcuts of the page. Letters count only outside of text fields. */

/** True while an input method composes a word: its Enter chooses a character. */
export const isComposing = (event: KeyboardEvent): boolean => event.isComposing || event.keyCode === 229;

/** True when the element with the focus accepts letters. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement)
    return true;
  return target instanceof HTMLInputElement && !["checkbox", "radio", "range", "button", "color"].includes(target.type);
}

/** `Ctrl+z`, `Shift+Ctrl+z`, `s`, `ArrowLeft`: the Command key of Apple counts as Ctrl. */
export function nameOfKey(event: KeyboardEvent): string {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const shift = event.shiftKey && (event.key.length > 1 || /[a-z]/i.test(event.key)) ? "Shift+" : "";
  return `${shift}${event.altKey ? "Alt+" : ""}${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${key}`;
}

export interface KeyOptions {
  /** True: also while a text field has the focus, or a dialog is open. */
  readonly typing?: boolean;
  /** Number of open dialogs, one above the other, in which the actions apply. Default: none. */
  readonly dialogs?: number;
}

/** Registers an action for each key. The returned function removes them. */
export function onKeys(
  actions: Readonly<Record<string, () => void>>,
  { typing = false, dialogs = 0 }: KeyOptions = {},
): () => void {
  const listener = (event: KeyboardEvent) => {
    if (isComposing(event) || event.defaultPrevented) return;
    if (!typing && (isTyping(event.target) || document.querySelectorAll("dialog[open]").length !== dialogs)) return;
    const action = actions[nameOfKey(event)];
    if (action === undefined) return;
    event.preventDefault();
    action();
  };
  document.addEventListener("keydown", listener);
  return () => document.removeEventListener("keydown", listener);
}
