// What is taken along, beside the studio's page: the explorer as one plain script (an exported page's, which opens
// from a file, and the notebook's), and the generator as a module for a page of one's own. Neither fetches a program:
// onnxruntime's WebAssembly is handed to it.
import { defineConfig, type Plugin } from "vite";

/** onnxruntime's own guess at where its program lies would make Vite put 14 MB into each script. */
const handedOver: Plugin = {
  name: "wasm-is-handed-over",
  enforce: "pre",
  transform(code, id) {
    if (!id.includes("onnxruntime-web")) return null;
    return code
      .replace(/new URL\("ort-wasm[\w.-]*\.wasm",\s*import\.meta\.url\)(\.href)?/g, '""')
      .replace(/\bimport\.meta\.url\b/g, "undefined");
  },
};

const KINDS = {
  script: { entry: "src/explore/take.ts", formats: ["iife" as const], file: "explorer.js" },
  module: { entry: "src/core/module.ts", formats: ["es" as const], file: "generator.js" },
};

export default defineConfig(({ mode }) => {
  const { entry, formats, file } = KINDS[mode as keyof typeof KINDS];
  return {
    plugins: [handedOver],
    publicDir: "take",
    define: { "process.env.NODE_ENV": '"production"' },
    build: {
      outDir: "../src/dcgan/studio/static/take",
      emptyOutDir: false,
      target: "es2022",
      lib: { entry, formats, name: "dcganTake", fileName: () => file },
      reportCompressedSize: false,
    },
  };
});
