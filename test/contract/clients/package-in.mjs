import { pathToFileURL } from "node:url";

/** A package as programs in that folder import it. Needs `node --experimental-import-meta-resolve`. */
export const packageIn = (folder, name) => import(import.meta.resolve(name, pathToFileURL(`${folder}/`).href));
