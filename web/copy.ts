/** Copies text. `navigator.clipboard` is missing on pages from another machine over plain HTTP; a selection is not. */
export function copyText(text: string): void {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "hidden";
  // Inside the open dialog, because nothing outside of it can be selected.
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
