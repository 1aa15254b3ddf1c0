import { Grid3x3 } from "lucide";
import type { Picture } from "../../api/types.ts";
import { Button } from "../../parts/button.tsx";
import { FittedPicture } from "../../parts/fitted-picture.tsx";
import { KeepStarred } from "../../parts/keep-starred.tsx";
import { PictureActions } from "../../parts/picture-actions.tsx";
import { WorkLine } from "../../parts/work-line.tsx";
import { pathOfImage } from "../../state/pictures.ts";
import { look, looked, lookedPicture, lookedWorks } from "../../state/stage.ts";
import { isUnfinished, type Work, workOf, works } from "../../state/work.ts";
import { words } from "../../text/index.ts";
import { ContactSheet, picturesOf } from "./contact-sheet.tsx";
import { Ending } from "./ending.tsx";
import { binLooked } from "./film-strip.tsx";
import { Forming } from "./forming.tsx";

/** The main view: an image, an unfinished image, or a sheet. */
export function Stage() {
  const picture = lookedPicture.value;
  const shown = lookedWorks.value;
  const sheet = picture && sheetOf(picture);
  const t = words.value;
  return (
    <div class="stage">
      <div class="stage-well">
        <StageContent />
      </div>
      {shown.some(isUnfinished) && <WorkLine works={shown} />}
      {picture === undefined && shown.length > 0 && (
        <div class="sheet-bar">
          <KeepStarred pictures={picturesOf(shown)} />
        </div>
      )}
      {sheet !== undefined && (
        <div class="sheet-bar">
          <Button kind="quiet" icon={Grid3x3} onPress={() => look({ kind: "group", group: sheet.group })}>
            {t.backToSheet}
          </Button>
        </div>
      )}
      {picture !== undefined && <PictureActions picture={picture} onBin={binLooked} />}
    </div>
  );
}

/** The task that made an image together with others, while this page knows it. */
function sheetOf({ taskUUID }: Picture): Work | undefined {
  const work = workOf(taskUUID ?? "");
  if (work === undefined || lookedWorks.value.length > 0) return undefined;
  const all = works.value.filter(({ group }) => group === work.group);
  return all.length > 1 || (work.parameters.numberResults ?? 1) > 1 ? work : undefined;
}

function StageContent() {
  const picture = lookedPicture.value;
  const shown = lookedWorks.value;
  if (picture !== undefined) {
    const { width, height, parameters, seed } = picture;
    const alt = words.value.pictureOf(parameters?.positivePrompt ?? "", seed);
    return <FittedPicture src={pathOfImage(picture)} width={width} height={height} alt={alt} key={picture.imageUUID} />;
  }
  const [only, ...others] = shown;
  if (only === undefined) return looked.value === undefined ? <EmptyStage /> : null;
  if (others.length > 0 || (only.parameters.numberResults ?? 1) > 1) return <ContactSheet works={shown} />;
  return isUnfinished(only) ? <Forming work={only} index={0} /> : <Ending work={only} />;
}

function EmptyStage() {
  return (
    <div class="empty">
      <p class="display">{words.value.emptyTitle}</p>
      <p class="soft">{words.value.emptyText}</p>
    </div>
  );
}
