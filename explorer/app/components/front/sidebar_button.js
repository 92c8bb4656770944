const PHONE_PX = 768; // narrower, Streamlit draws the sidebar over the page

function press(name) {
  const found = document.querySelector(`[data-testid="${name}"]`);
  const button = found && (found.matches("button") ? found : found.querySelector("button"));
  if (button) button.click();
}

function afterGenerate(event) {
  if (innerWidth >= PHONE_PX || !event.target.closest(".st-key-generate button")) return;
  setTimeout(() => press("stSidebarCollapseButton")); // after Streamlit has handled the click
}

export default function ({ data, parentElement }) {
  if (!data) return;
  parentElement.querySelector(".sidebar-hint").textContent = data.sentence;
  parentElement.querySelector(".sidebar-open").textContent = data.label;
  parentElement.querySelector(".sidebar-open").onclick = () => press("stExpandSidebarButton");
  document.addEventListener("click", afterGenerate);
  return () => document.removeEventListener("click", afterGenerate);
}
