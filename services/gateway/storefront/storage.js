// What the browser remembers, for this tab or for longer. Where it may not, the page does, for as long as it is open.

function store(open) {
  const memory = new Map();
  const attempt = (act, otherwise) => {
    try {
      return act(open());
    } catch {
      return otherwise();
    }
  };
  return {
    get: (name) => attempt((storage) => storage.getItem(name), () => null) ?? memory.get(name) ?? null,
    set: (name, value) => {
      memory.set(name, value);
      attempt((storage) => storage.setItem(name, value), () => {});
    },
    remove: (name) => {
      memory.delete(name);
      attempt((storage) => storage.removeItem(name), () => {});
    },
  };
}

export const lasting = store(() => localStorage);
export const ofTab = store(() => sessionStorage);
