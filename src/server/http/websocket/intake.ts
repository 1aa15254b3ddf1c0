/** What a WebSocket holds in memory of what its client has sent: the frame that is coming in, and those in work. */

export interface Intake {
  /** Bytes have come in. */
  arrived(bytes: number): void;
  /** They were the end of a frame of so many bytes; to be called once it is in memory no longer. */
  whole(bytes: number): () => void;
  /** Bytes in memory. A frame that has not ended may be counted with the end of the one before. */
  readonly held: number;
  /** Bytes that have come in altogether. */
  readonly received: number;
}

export function createIntake(): Intake {
  let coming = 0;
  let inWork = 0;
  let received = 0;
  return {
    arrived(bytes) {
      coming += bytes;
      received += bytes;
    },
    whole(bytes) {
      coming = 0;
      inWork += bytes;
      return () => {
        inWork -= bytes;
      };
    },
    get held() {
      return coming + inWork;
    },
    get received() {
      return received;
    },
  };
}
