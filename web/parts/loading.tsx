import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";

/** A screen whose code loads when it is first shown. */
export function loading(load: () => Promise<FunctionComponent>): FunctionComponent {
  let loaded: FunctionComponent | undefined;
  return function Loading() {
    const [, show] = useState(loaded !== undefined);
    useEffect(() => {
      if (loaded !== undefined) return;
      void load().then((component) => {
        loaded = component;
        show(true);
      });
    }, []);
    const Component = loaded;
    return Component === undefined ? <main class="loading" aria-busy="true" /> : <Component />;
  };
}
