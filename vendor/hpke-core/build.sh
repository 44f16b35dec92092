#!/usr/bin/env bash
# Builds src/Broker/wwwroot/js/vendor/hpke-core.js anew from the packages that the lock file names.
set -euo pipefail
cd "$(dirname "$0")"
npm ci --ignore-scripts --no-audit --no-fund
target=../../src/Broker/wwwroot/js/vendor
mkdir -p "$target"
version=$(node -p 'JSON.parse(require("fs").readFileSync("node_modules/@hpke/core/package.json")).version')
common=$(node -p 'JSON.parse(require("fs").readFileSync("node_modules/@hpke/common/package.json")).version')
npx esbuild entry.js --bundle --format=esm --target=es2022 --minify-whitespace --minify-syntax --legal-comments=none \
  --banner:js="/* @hpke/core $version and @hpke/common $common (MIT, see hpke-core.LICENSE.txt), bundled unchanged by vendor/hpke-core/build.sh */" \
  --outfile="$target/hpke-core.js"
cp node_modules/@hpke/core/LICENSE "$target/hpke-core.LICENSE.txt"
cmp -s node_modules/@hpke/core/LICENSE node_modules/@hpke/common/LICENSE || cat node_modules/@hpke/common/LICENSE >> "$target/hpke-core.LICENSE.txt"
(cd "$target" && sha256sum hpke-core.js hpke-core.LICENSE.txt) > SHA256SUMS
cat SHA256SUMS
