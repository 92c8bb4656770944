const PHONE_PX = 768; // below it Streamlit lays the panel over the page

function press(name) {
  const found = document.querySelector(`[data-testid="${name}"]`);
  const button = found && (found.matches("button") ? found : found.querySelector("button"));
  if (button) button.click();
}

function afterGenerate(event) {
  if (innerWidth >= PHONE_PX || !event.target.closest(".st-key-generate button")) return;
  setTimeout(() => press("stSidebarCollapseButton")); // the press itself must arrive first
}

export default function ({ parentElement }) {
  parentElement.querySelector(".iri-open").onclick = () => press("stExpandSidebarButton");
  document.addEventListener("click", afterGenerate);
  return () => document.removeEventListener("click", afterGenerate);
}
