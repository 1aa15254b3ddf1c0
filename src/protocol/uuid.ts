const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** Whether `value` is a UUID of version 4, in any letter case. */
export const isUuidV4 = (value: unknown): boolean => typeof value === "string" && UUID_V4.test(value);
