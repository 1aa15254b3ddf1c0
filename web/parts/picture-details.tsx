import type { Json } from "../api/json.ts";
import type { Picture } from "../api/types.ts";
import { useAgain, useSome } from "../state/again.ts";
import { nameOf } from "../state/models.ts";
import { changedPictures } from "../state/picture-list.ts";
import { keepUntil, thumbnail } from "../state/pictures.ts";
import { FOR_GOOD, formatBytes, formatTime, KEEPING } from "../state/preferences.ts";
import { go } from "../state/route.ts";
import { words } from "../text/index.ts";
import { Dialog } from "./dialog.tsx";

/** All parameters of an image, each with a button to use it again. */
export function PictureDetails({ picture, onClose }: { readonly picture: Picture; readonly onClose: () => void }) {
  const t = words.value;
  const { parameters = {}, width, height, bytes, createdAt, parents } = picture;
  const { positivePrompt, negativePrompt, model, seed } = parameters;
  const others = Object.entries(parameters).filter(([key]) => !SHOWN_ABOVE.has(key));
  const done = (act: () => void) => () => {
    act();
    onClose();
  };
  return (
    <Dialog title={t.info} onClose={onClose}>
      <div class="details">
        <img class="details-picture" src={thumbnail(picture, 320)} alt="" />
        <div>
          {positivePrompt !== undefined && <p class="prompt-text">{positivePrompt}</p>}
          {negativePrompt !== undefined && (
            <p class="soft">
              {t.without} {negativePrompt}
            </p>
          )}
          {picture.kind === "drawn" && (
            <div class="row wrap">
              <button type="button" class="button" onClick={done(() => useAgain(picture))}>
                {t.useAll}
              </button>
              <button
                type="button"
                class="button"
                onClick={done(() => useSome(parameters, ["positivePrompt", "negativePrompt"]))}
              >
                {t.usePrompt}
              </button>
              {seed !== undefined && (
                <button type="button" class="button" onClick={done(() => useSome(parameters, ["seed"]))}>
                  {t.useSeed}
                </button>
              )}
              <button type="button" class="button" onClick={done(() => useSome(parameters, ["width", "height"]))}>
                {t.useSize}
              </button>
            </div>
          )}
          <dl class="facts">
            <Fact name={t.size}>{`${width} × ${height}, ${formatBytes(bytes)}`}</Fact>
            {model !== undefined && <Fact name={t.model}>{nameOf(model)}</Fact>}
            <Fact name={t.drawnAt}>{formatTime(createdAt)}</Fact>
            <Fact name={t.kept}>
              <Keeping picture={picture} />
            </Fact>
            {others.map(([key, value]) => (
              <Fact key={key} name={key}>
                <code>{shown(value)}</code>
              </Fact>
            ))}
            {parents.length > 0 && (
              <Fact name={t.madeFrom}>
                {parents.map((parent) => (
                  <button key={parent} type="button" class="link" onClick={done(() => go("edit", parent))}>
                    {parent.slice(0, 8)}
                  </button>
                ))}
              </Fact>
            )}
          </dl>
        </div>
      </div>
    </Dialog>
  );
}

/** How long the image is kept, and other choices. */
function Keeping({ picture: given }: { readonly picture: Picture }) {
  const t = words.value;
  const picture = changedPictures.value.get(given.imageUUID) ?? given;
  const { expiresAt } = picture;
  const now = expiresAt === null ? t.keepFor(FOR_GOOD) : t.keptUntil(formatTime(expiresAt));
  const choose = (seconds: number) =>
    keepUntil(picture, seconds === FOR_GOOD ? null : new Date(Date.now() + 1000 * seconds).toISOString());
  return (
    <select
      aria-label={t.kept}
      value=""
      onChange={({ currentTarget }) => void choose(Number(currentTarget.value)).then(() => (currentTarget.value = ""))}
    >
      <option value="">{now}</option>
      {KEEPING.filter((seconds) => seconds !== FOR_GOOD || expiresAt !== null).map((seconds) => (
        <option key={seconds} value={String(seconds)}>
          {t.keepFor(seconds)}
        </option>
      ))}
    </select>
  );
}

const SHOWN_ABOVE = new Set(["taskType", "positivePrompt", "negativePrompt", "model", "width", "height"]);

const shown = (value: Json | undefined): string =>
  typeof value === "object" && value !== null
    ? JSON.stringify(value, (_key, item) => (typeof item === "bigint" ? String(item) : item))
    : String(value);

function Fact({ name, children }: { readonly name: string; readonly children: preact.ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd class="numbers">{children}</dd>
    </>
  );
}
