/** The bytes of a client that a WebSocket holds in memory: the incoming frame, and the frames in progress. */

export interface Intake {
  /** Records the arrival of bytes. */
  arrived(bytes: number): void;
  /** Records the end of a frame of `bytes` bytes. Call the returned function when it is no longer in memory. */
  whole(bytes: number): () => void;
  /** Bytes in memory. An unfinished frame may be counted with the end of the previous one. */
  readonly held: number;
  /** Frames in memory, the incoming one included. */
  readonly frames: number;
  /** Total number of bytes received. */
  readonly received: number;
}

export function createIntake(): Intake {
  let coming = 0;
  let inWork = 0;
  let framesInWork = 0;
  let received = 0;
  return {
    arrived(bytes) {
      coming += bytes;
      received += bytes;
    },
    whole(bytes) {
      coming = 0;
      inWork += bytes;
      framesInWork++;
      return () => {
        inWork -= bytes;
        framesInWork--;
      };
    },
    get held() {
      return coming + inWork;
    },
    get frames() {
      return framesInWork + (coming > 0 ? 1 : 0);
    },
    get received() {
      return received;
    },
  };
}
