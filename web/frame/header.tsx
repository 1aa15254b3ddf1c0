import { Brush, Ellipsis, Grid3x3, type IconNode, Images, PenLine } from "lucide";
import { Icon } from "../parts/icon.tsx";
import { draft } from "../state/draft.ts";
import { checkpoints, chooseModel, model } from "../state/models.ts";
import { go, pathOf, route, type Screen } from "../state/route.ts";
import { lookedPicture } from "../state/stage.ts";
import { words } from "../text/index.ts";
import { Menu } from "./menu.tsx";
import { QueueButton } from "./queue.tsx";

const PLACES: readonly (readonly [Screen, IconNode])[] = [
  ["draw", PenLine],
  ["edit", Brush],
  ["pictures", Images],
  ["explore", Grid3x3],
];

/** Name, screens, queue and model; everything else is behind three dots. */
export function Header({ onShortcuts }: { readonly onShortcuts: () => void }) {
  const t = words.value;
  return (
    <header class="header">
      <a class="wordmark" href="/" onClick={(event) => follow(event, "draw")}>
        inkstone
      </a>
      <nav aria-label={t.places}>
        {PLACES.map(([screen, icon]) => {
          const image = screen === "edit" ? (route.value.image ?? lookedPicture.value?.imageUUID) : undefined;
          return (
            <a
              key={screen}
              href={pathOf({ screen, image })}
              aria-current={route.value.screen === screen ? "page" : undefined}
              onClick={(event) => follow(event, screen, image)}
            >
              <Icon of={icon} />
              <span>{t.screens[screen]}</span>
            </a>
          );
        })}
      </nav>
      <div class="header-end">
        <QueueButton />
        <ModelChoice />
        <Menu icon={Ellipsis} onShortcuts={onShortcuts} />
      </div>
    </header>
  );
}

function follow(event: MouseEvent, screen: Screen, image?: string): void {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  go(screen, image);
}

function ModelChoice() {
  const t = words.value;
  if (checkpoints.value.length === 0) return null;
  const chosen = model.value?.air ?? "";
  return (
    <select
      class="model-choice"
      aria-label={t.model}
      value={chosen}
      onChange={({ currentTarget }) => {
        const next = checkpoints.value.find(({ air }) => air === currentTarget.value);
        if (next !== undefined) chooseModel(next);
      }}
    >
      {chosen === "" && <option value="">{draft.value.model}</option>}
      {checkpoints.value.map(({ air, name }) => (
        <option key={air} value={air}>
          {name}
        </option>
      ))}
    </select>
  );
}
