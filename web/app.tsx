import { useEffect, useState } from "preact/hooks";
import { DropTarget } from "./drop/drop-target.tsx";
import { Header } from "./frame/header.tsx";
import { KeyScreen } from "./frame/key-screen.tsx";
import { NotReadyBar } from "./frame/not-ready-bar.tsx";
import { Notices } from "./frame/notices.tsx";
import { ServerAwayBar } from "./frame/server-away.tsx";
import { ShortcutList } from "./frame/shortcut-list.tsx";
import { onKeys } from "./keys.ts";
import { Compare } from "./parts/compare.tsx";
import { loading } from "./parts/loading.tsx";
import { DrawScreen } from "./screens/draw/draw-screen.tsx";
import { access } from "./state/connection.ts";
import { compared } from "./state/pictures.ts";
import { route, type Screen } from "./state/route.ts";

const later: Record<Exclude<Screen, "draw">, preact.FunctionComponent> = {
  edit: loading(() => import("./screens/edit/edit-screen.tsx").then(({ EditScreen }) => EditScreen)),
  explore: loading(() => import("./screens/explore/explore-screen.tsx").then(({ ExploreScreen }) => ExploreScreen)),
  models: loading(() => import("./screens/models/models-screen.tsx").then(({ ModelsScreen }) => ModelsScreen)),
  server: loading(() => import("./screens/server/server-screen.tsx").then(({ ServerScreen }) => ServerScreen)),
  pictures: loading(() =>
    import("./screens/pictures/pictures-screen.tsx").then(({ PicturesScreen }) => PicturesScreen),
  ),
};

/** The whole page: the frame, one screen, and what lies over it. */
export function App() {
  const [shortcuts, setShortcuts] = useState(false);
  useEffect(() => onKeys({ "?": () => setShortcuts(true) }), []);
  const { kind } = access.value;
  if (kind === "key" || kind === "elsewhere") return <KeyScreen />;
  const { screen } = route.value;
  const Content = screen === "draw" ? DrawScreen : later[screen];
  return (
    <>
      <Header onShortcuts={() => setShortcuts(true)} />
      <ServerAwayBar />
      <NotReadyBar />
      <Content />
      {compared.value !== undefined && (
        <Compare pictures={compared.value} onClose={() => (compared.value = undefined)} />
      )}
      {shortcuts && <ShortcutList onClose={() => setShortcuts(false)} />}
      <DropTarget />
      <Notices />
    </>
  );
}
