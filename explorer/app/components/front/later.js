const told = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  if (!data || told.get(parentElement) === data.token) return;
  told.set(parentElement, data.token);
  // The frame's callback runs just before painting, the timer just after it.
  requestAnimationFrame(() => setTimeout(() => setTriggerValue("painted", data.token)));
}
