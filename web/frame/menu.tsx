import type { IconNode } from "lucide";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../parts/button.tsx";
import { Segments } from "../parts/segments.tsx";
import { forgetKey, hasKey } from "../state/connection.ts";
import { KEEPING, keepSeconds, type Language, language, previews, type Theme, theme } from "../state/preferences.ts";
import { go } from "../state/route.ts";
import { words } from "../text/index.ts";

const THEMES: readonly Theme[] = ["system", "light", "dark"];
const LANGUAGES: readonly (readonly [Language, string])[] = [
  ["en", "English"],
  ["zh", "中文"],
];

/** Models, server, language, theme, previews, keys, reference. */
export function Menu({ icon, onShortcuts }: { readonly icon: IconNode; readonly onShortcuts: () => void }) {
  const [open, setOpen] = useState(false);
  const element = useRef<HTMLDivElement>(null);
  const t = words.value;
  useEffect(() => {
    if (!open) return;
    const away = ({ target }: Event) => {
      if (!element.current?.contains(target as Node)) setOpen(false);
    };
    const closeOnEscape = ({ key }: KeyboardEvent) => key === "Escape" && setOpen(false);
    document.addEventListener("pointerdown", away);
    document.addEventListener("keydown", closeOnEscape);
    return () => {
      document.removeEventListener("pointerdown", away);
      document.removeEventListener("keydown", closeOnEscape);
    };
  }, [open]);
  const item = (text: string, act: () => void) => (
    <button
      type="button"
      class="menu-item"
      onClick={() => {
        setOpen(false);
        act();
      }}
    >
      {text}
    </button>
  );
  return (
    <div class="menu" ref={element}>
      <Button kind="quiet" icon={icon} label={t.menu} pressed={open} onPress={() => setOpen(!open)} />
      {open && (
        <div class="menu-sheet">
          {item(t.screens.models, () => go("models"))}
          {item(t.screens.server, () => go("server"))}
          {item(t.shortcuts, onShortcuts)}
          <a class="menu-item" href="/docs" target="_blank" rel="noreferrer">
            {t.apiReference}
          </a>
          <hr />
          <div class="menu-choice">
            <span>{t.theme}</span>
            <Segments
              label={t.theme}
              options={THEMES.map((value) => ({ value, text: t.themes[value] }))}
              chosen={(value) => value === theme.value}
              onChoose={(value) => (theme.value = value)}
            />
          </div>
          <div class="menu-choice">
            <span>{t.language}</span>
            <Segments
              label={t.language}
              options={LANGUAGES.map(([value, text]) => ({ value, text }))}
              chosen={(value) => value === language.value}
              onChoose={(value) => (language.value = value)}
            />
          </div>
          <label class="menu-choice">
            <span>{t.previews}</span>
            <input
              type="checkbox"
              checked={previews.value}
              onChange={({ currentTarget }) => (previews.value = currentTarget.checked)}
            />
          </label>
          <label class="menu-choice">
            <span>{t.keepNew}</span>
            <select
              value={String(keepSeconds.value)}
              onChange={({ currentTarget }) => (keepSeconds.value = Number(currentTarget.value))}
            >
              {KEEPING.map((seconds) => (
                <option key={seconds} value={String(seconds)}>
                  {t.keepFor(seconds)}
                </option>
              ))}
            </select>
          </label>
          {hasKey() && (
            <>
              <hr />
              {item(t.forgetKey, () => {
                forgetKey();
                location.reload();
              })}
            </>
          )}
        </div>
      )}
    </div>
  );
}
