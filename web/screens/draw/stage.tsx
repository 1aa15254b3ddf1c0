import { FittedPicture } from "../../parts/fitted-picture.tsx";
import { PictureActions } from "../../parts/picture-actions.tsx";
import { WorkLine } from "../../parts/work-line.tsx";
import { pathOfImage } from "../../state/pictures.ts";
import { looked, lookedPicture, lookedWorks } from "../../state/stage.ts";
import { isUnfinished } from "../../state/work.ts";
import { words } from "../../text/index.ts";
import { ContactSheet } from "./contact-sheet.tsx";
import { Ending } from "./ending.tsx";
import { binLooked } from "./film-strip.tsx";
import { Forming } from "./forming.tsx";

/** What is looked at: a picture, one that is forming, or the sheet of several. */
export function Stage() {
  const picture = lookedPicture.value;
  const works = lookedWorks.value;
  return (
    <div class="stage">
      <div class="stage-well">
        <StageContent />
      </div>
      {works.some(isUnfinished) && <WorkLine works={works} />}
      {picture !== undefined && <PictureActions picture={picture} onBin={binLooked} />}
    </div>
  );
}

function StageContent() {
  const picture = lookedPicture.value;
  const works = lookedWorks.value;
  if (picture !== undefined) {
    const { width, height, parameters, seed } = picture;
    const alt = words.value.pictureOf(parameters?.positivePrompt ?? "", seed);
    return <FittedPicture src={pathOfImage(picture)} width={width} height={height} alt={alt} key={picture.imageUUID} />;
  }
  const [only, ...others] = works;
  if (only === undefined) return looked.value === undefined ? <EmptyStage /> : null;
  if (others.length > 0 || (only.parameters.numberResults ?? 1) > 1) return <ContactSheet works={works} />;
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
