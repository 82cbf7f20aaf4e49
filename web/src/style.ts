// What all components share inside their shadow roots: controls, cards, words for screen readers alone.
import { css } from "lit";

export const shared = css`
  :host {
    display: block;
  }
  :host([hidden]),
  [hidden] {
    display: none !important;
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  h1,
  h2,
  h3,
  p,
  dl,
  dd,
  ul,
  ol,
  figure {
    margin: 0;
    padding: 0;
  }
  h2 {
    font-size: 1rem;
    font-weight: 650;
  }
  h3 {
    font-size: 0.9375rem;
    font-weight: 600;
  }
  ul,
  ol {
    list-style: none;
  }
  code,
  kbd,
  .mono {
    font-family: var(--mono);
    font-size: 0.92em;
  }
  a {
    color: var(--accent);
  }
  .card {
    background: var(--card);
    border: 1px solid var(--line);
    border-radius: var(--radius);
    box-shadow: var(--shadow);
    padding: var(--gap);
  }
  .quiet {
    color: var(--quiet);
  }
  .small {
    font-size: var(--small);
  }
  .row {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.5rem;
  }
  .spread {
    justify-content: space-between;
  }
  .unseen:not(:focus):not(:active) {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  button,
  .button,
  select,
  input {
    font: inherit;
    color: inherit;
  }
  button,
  .button,
  select,
  input[type="number"],
  input[type="text"] {
    min-height: 2.25rem;
    padding: 0.3rem 0.75rem;
    background: var(--card);
    border: 1px solid var(--line-strong);
    border-radius: 8px;
  }
  button,
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 0.4rem;
    cursor: pointer;
    text-decoration: none;
    font-weight: 550;
  }
  button:hover:not(:disabled),
  .button:hover {
    border-color: var(--accent);
    color: var(--accent);
  }
  button:disabled {
    cursor: default;
    color: var(--quiet);
    border-color: var(--line);
  }
  button.first {
    background: var(--accent);
    border-color: var(--accent);
    color: var(--on-accent);
  }
  button.first:hover:not(:disabled) {
    color: var(--on-accent);
    filter: brightness(1.08);
  }
  button.bare {
    border-color: transparent;
    background: transparent;
  }
  button.bare:hover:not(:disabled) {
    background: var(--sunken);
  }
  button[aria-pressed="true"] {
    background: var(--accent-soft);
    border-color: var(--accent);
    color: var(--accent);
  }
  input[type="range"] {
    accent-color: var(--accent);
    min-height: 1.75rem;
    margin: 0;
  }
  input[type="checkbox"] {
    accent-color: var(--accent);
    width: 1.1rem;
    height: 1.1rem;
    margin: 0;
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }
  .tag {
    display: inline-flex;
    align-items: center;
    gap: 0.35rem;
    padding: 0.1rem 0.55rem;
    border-radius: 999px;
    font-size: var(--small);
    font-weight: 550;
    background: var(--sunken);
    color: var(--quiet);
  }
  .tag.good {
    background: var(--good-soft);
    color: var(--good);
  }
  .tag.warn {
    background: var(--warn-soft);
    color: var(--warn);
  }
  .tag.bad {
    background: var(--bad-soft);
    color: var(--bad);
  }
  .said {
    border-radius: 8px;
    padding: 0.6rem 0.8rem;
    background: var(--sunken);
  }
  .said.warn {
    background: var(--warn-soft);
    color: var(--warn);
  }
  .said.bad {
    background: var(--bad-soft);
    color: var(--bad);
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation: none !important;
      transition: none !important;
    }
  }
`;
