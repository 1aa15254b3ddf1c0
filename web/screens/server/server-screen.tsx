import "./server.css";
import { useEffect } from "preact/hooks";
import { keptKey, readStatus, status } from "../../state/connection.ts";
import { keepMeasuring, measurements } from "../../state/measurements.ts";
import { formatBytes } from "../../state/preferences.ts";
import { words } from "../../text/index.ts";
import { PhoneCode } from "./phone-code.tsx";
import { Plot } from "./plot.tsx";

/** State of the server: queue, memory, speed, disk; and its address for a phone. */
export function ServerScreen() {
  const t = words.value;
  useEffect(() => {
    void readStatus();
    return keepMeasuring();
  }, []);
  const now = status.value;
  const [address] = now?.addresses ?? [];
  const key = keptKey();
  const points = measurements.value;
  const steps = points.filter(({ step }) => step !== undefined);
  const seconds = (value: number) => `${value.toFixed(value < 1 ? 2 : 1)} s`;
  return (
    <main class="page-screen">
      <h1 class="display">{t.screens.server}</h1>
      {now !== undefined && (
        <dl class="facts">
          <dt>{t.version}</dt>
          <dd class="numbers">inkstone {now.version}</dd>
          <dt>{t.caller}</dt>
          <dd>{now.caller.name}</dd>
          <dt>{t.queue}</dt>
          <dd class="numbers">{t.queueNow(now.queue.running, now.queue.waiting, now.queue.limit)}</dd>
          <dt>{t.storage}</dt>
          <dd class="numbers">
            {t.storageNow(now.storage.pictures, formatBytes(now.storage.bytes))}
            {now.storage.binned > 0 && `, ${t.inBin(now.storage.binned)}`}
            {now.storage.freeBytes !== undefined && `, ${t.free(formatBytes(now.storage.freeBytes))}`}
          </dd>
        </dl>
      )}
      <div class="plots">
        <Plot title={t.waitingPlot} values={points.map(({ waiting, running }) => waiting + running)} format={String} />
        <Plot title={t.speed} values={steps.map(({ step }) => step!)} format={seconds} />
        <Plot title={t.memory} values={points.map(({ memory }) => memory)} format={formatBytes} />
      </div>
      <section>
        <h2>{t.phone}</h2>
        {address !== undefined && key !== undefined ? (
          <>
            <p class="soft">{t.phoneCodeAbout}</p>
            <PhoneCode address={address} secret={key} />
          </>
        ) : (
          <>
            <p class="soft">{t.phoneAbout}</p>
            <pre class="command">
              inkstone keys create phone{"\n"}inkstone serve --host 0.0.0.0{"\n"}http://…:{location.port || "7437"}
              /#key=…
            </pre>
          </>
        )}
      </section>
      <p class="row">
        <a href="/docs" target="_blank" rel="noreferrer">
          {t.apiReference}
        </a>
        <a href="/openapi.json" target="_blank" rel="noreferrer">
          openapi.json
        </a>
        {key === undefined && (
          <a href="/metrics" target="_blank" rel="noreferrer">
            metrics
          </a>
        )}
      </p>
    </main>
  );
}
