const reported = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  if (!data || reported.get(parentElement) === data.token) return;
  reported.set(parentElement, data.token);
  // The frame's callback runs just before painting, the timer just after it.
  requestAnimationFrame(() => setTimeout(() => setTriggerValue("painted", data.token)));
}
