/** The current screen: the path of the address. */

import { signal } from "@preact/signals";

export const SCREENS = ["draw", "edit", "pictures", "explore", "models", "server"] as const;
export type Screen = (typeof SCREENS)[number];

export interface Route {
  readonly screen: Screen;
  /** `/edit/{image}`: the image. */
  readonly image?: string | undefined;
}

export function routeOf(path: string): Route {
  const [name = "", image] = path.split("/").filter(Boolean);
  const screen = SCREENS.find((known) => known === name) ?? "draw";
  return screen === "edit" ? { screen, image } : { screen };
}

export const pathOf = ({ screen, image }: Route): string =>
  screen === "draw" ? "/" : `/${screen}${image === undefined ? "" : `/${image}`}`;

export const route = signal<Route>(routeOf(location.pathname));

/** Opens a screen. The browser's Back button returns. */
export function go(screen: Screen, image?: string): void {
  const next: Route = { screen, image };
  if (pathOf(next) !== location.pathname) history.pushState(null, "", pathOf(next));
  route.value = next;
}

window.addEventListener("popstate", () => {
  route.value = routeOf(location.pathname);
});
