import { TaskError } from "../protocol/index.ts";
import { DatabaseUnavailableError } from "./database/index.ts";
import { StorageUnavailableError } from "./storage/index.ts";

/** The same functions; an outage of the database or the disk becomes an error that clients understand. */
export function tellingOutages<Service extends object>(service: Service): Service {
  const told = Object.entries(service).map(([name, member]) => {
    if (typeof member !== "function") return [name, member];
    return [name, (...parameters: unknown[]) => Promise.resolve(member(...parameters)).catch(tellOutage)];
  });
  return Object.fromEntries(told) as Service;
}

function tellOutage(thrown: unknown): never {
  if (thrown instanceof DatabaseUnavailableError || thrown instanceof StorageUnavailableError) {
    const reason = thrown instanceof DatabaseUnavailableError ? "Its database is away." : "Its disk is not usable.";
    throw new TaskError("serviceUnavailable", { reason }, { retryAfter: 5 }, { cause: thrown });
  }
  throw thrown;
}
