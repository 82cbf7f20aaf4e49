// Builds the page into the Python package. No server of Vite's is used: `dcgan studio` serves what is built.
import { defineConfig } from "vite";

export default defineConfig({
  base: "./", // the page must not care where it is served from
  build: {
    outDir: "../src/dcgan/studio/static",
    emptyOutDir: true,
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"], // which know light-dark()
    assetsInlineLimit: 0, // the content security policy allows no data: scripts or styles
    modulePreload: { polyfill: false }, // which would be an inline script
    chunkSizeWarningLimit: 600,
    reportCompressedSize: false,
  },
});
