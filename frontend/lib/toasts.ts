/** Short messages that come and go, each with at most one action, as a store outside React. */

export interface ToastMessage {
  text: string;
  tone?: "info" | "error";
  /** Offered until the toast closes. */
  action?: { label: string; run: () => void };
  /** Runs once when the toast closes without its action: what the action would have undone becomes final. */
  onClose?: () => void | Promise<void>;
}

export interface Toast extends ToastMessage {
  id: number;
}

const KEEP = 3;

export class Toasts {
  #shown: readonly Toast[] = [];
  #lastId = 0;
  readonly #listeners = new Set<() => void>();

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly getSnapshot = (): readonly Toast[] => this.#shown;

  /** Shows a message; the oldest one closes when there are too many. */
  readonly show = (message: ToastMessage): void => {
    const toast = { ...message, id: ++this.#lastId };
    this.#set([...this.#shown, toast]);
    for (const old of this.#shown.slice(0, -KEEP)) void this.close(old.id);
  };

  /** Runs the action of a toast instead of its `onClose`. */
  readonly act = (id: number): void => this.#take(id)?.action?.run();

  /** Closes a toast; resolves when its `onClose` is done. */
  readonly close = async (id: number): Promise<void> => {
    await this.#take(id)?.onClose?.();
  };

  /** Closes all toasts, so that nothing waits for an undo any more. */
  readonly settle = async (): Promise<void> => {
    await Promise.all(this.#shown.map(({ id }) => this.close(id)));
  };

  /** Takes all toasts away and carries out nothing. */
  readonly drop = (): void => this.#set([]);

  #take(id: number): Toast | undefined {
    const toast = this.#shown.find((shown) => shown.id === id);
    if (toast) this.#set(this.#shown.filter((shown) => shown !== toast));
    return toast;
  }

  #set(shown: readonly Toast[]): void {
    this.#shown = shown;
    for (const listener of this.#listeners) listener();
  }
}
