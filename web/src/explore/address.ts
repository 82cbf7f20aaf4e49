// The address follows the state, but not sixty times a second: browsers ignore a page that changes it so often.

const EVERY = 150; // ms, while something is dragged

/** Calls `write` at once, or, while something is dragged, a moment later with the last of what it was given. */
export function paced<T>(write: (value: T, replace: boolean) => void): (value: T, replace: boolean) => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last: T;
  return (value, replace) => {
    last = value;
    if (!replace) {
      clearTimeout(timer);
      timer = undefined;
      write(value, false);
    } else {
      timer ??= setTimeout(() => {
        timer = undefined;
        write(last, true);
      }, EVERY);
    }
  };
}
