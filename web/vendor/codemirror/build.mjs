// Builds ../codemirror.min.js: `npm ci && node build.mjs` in this folder.
import { readFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";

// style-mod puts its rules into a <style> element, which our content security policy forbids, unless it is in a shadow
// root. The same code works on the document: constructed style sheets are no inline style.
const constructed = {
  name: "constructed-style-sheets",
  setup({ onLoad }) {
    onLoad({ filter: /style-mod\.js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const contents = source.replace("!root.head && root.adoptedStyleSheets", "root.adoptedStyleSheets");
      if (contents === source) throw new Error("style-mod has changed: look at its StyleSet again");
      return { contents };
    });
  },
};
const { outputFiles, metafile } = await build({
  entryPoints: ["entry.mjs"], bundle: true, minify: true, format: "iife", globalName: "CodeMirror", target: "es2022",
  legalComments: "none", plugins: [constructed], metafile: true, write: false, outdir: ".",
});
await writeFile("../codemirror.min.js", outputFiles[0].contents);

// What went into it, for VERSIONS.md.
const paths = Object.keys(Object.values(metafile.outputs)[0].inputs);
const names = paths.map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]).filter(Boolean);
for (const name of [...new Set(names)].sort()) {
  const { version, license } = JSON.parse(await readFile(`node_modules/${name}/package.json`, "utf8"));
  console.log(name, version, license);
}
