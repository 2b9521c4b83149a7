/** `make widget`: bundles the widget and its highlighter into files that are served as they are. An argument: the folder. */

import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { build, transform } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const out = resolve(process.argv[2] ?? join(root, "static"));

const stylesheets = {
  name: "stylesheets",
  setup(bundle) {
    bundle.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, "utf8"), { loader: "css", minify: true });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

const licence = readFileSync(join(root, "node_modules", "highlight.js", "LICENSE"), "utf8").trim();
const { version } = JSON.parse(readFileSync(join(root, "node_modules", "highlight.js", "package.json"), "utf8"));

const options = {
  bundle: true, minify: true, format: "iife", target: "es2022", charset: "utf8", legalComments: "none", logLevel: "warning",
};

await build({ ...options, entryPoints: [join(here, "main.js")], outfile: join(out, "widget.js"), plugins: [stylesheets] });
await build({
  ...options,
  entryPoints: [join(here, "highlight.js")],
  outfile: join(out, "widget-highlight.js"),
  banner: { js: `/*! highlight.js ${version}\n${licence}\n*/` },
});
