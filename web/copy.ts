/** Copies text. `navigator.clipboard` is missing on pages that come over plain HTTP from another machine; a selection is not. */
export function copyText(text: string): void {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "hidden";
  // Inside an open dialog, or nothing outside of it can be selected.
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
