# syntax=docker/dockerfile:1
# Inkstone as a container.
#   docker build -t inkstone .                      draws on the processor, and through Vulkan where the host hands a device in
#   docker build -t inkstone:cuda --target cuda .   draws on NVIDIA cards
# Data (database, images, models, keys) lies in the volume /data.

FROM node:24-bookworm-slim AS build
WORKDIR /inkstone
COPY package.json package-lock.json .npmrc ./
# The scripts of the project need its sources, those of the packages are not needed.
RUN npm ci --ignore-scripts
COPY . .
RUN npm run prepare && npm run build && npm prune --omit=dev --ignore-scripts
# ONNX Runtime brings the binaries of five platforms (288 MB): keep this one's.
RUN find node_modules/onnxruntime-node/bin/napi-v6 -mindepth 2 -maxdepth 2 \
      ! -path "*/linux/$(node -p process.arch)" -exec rm -r {} +

# The provider libraries for CUDA, of the same version as onnxruntime-node.
FROM python:3.13-slim-bookworm AS cuda-provider
WORKDIR /provider
COPY package.json ./
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN version="$(python -c 'import json; print(json.load(open("package.json"))["dependencies"]["onnxruntime-node"])')" \
 && pip download --no-cache-dir --no-deps "onnxruntime-gpu==$version" \
 && python -m zipfile -e onnxruntime_gpu-*.whl wheel \
 && mkdir libraries \
 && mv wheel/onnxruntime/capi/libonnxruntime_providers_{shared,cuda}.so libraries/

FROM node:24-bookworm-slim AS program
# Vulkan's loader, for --device webgpu; the driver comes with the device.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends libvulkan1 \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o node -g node /data /data/models
WORKDIR /inkstone
COPY --from=build /inkstone/package.json /inkstone/LICENSE /inkstone/NOTICE ./
COPY --from=build /inkstone/node_modules node_modules
COPY --from=build /inkstone/assets assets
COPY --from=build /inkstone/models models
COPY --from=build /inkstone/web/dist web/dist
COPY --from=build /inkstone/docs/dist docs/dist
COPY --from=build /inkstone/dist dist
ENV NODE_ENV=production \
    INKSTONE_HOST=0.0.0.0 \
    INKSTONE_DATA_DIR=/data
USER 1000:1000
VOLUME /data
EXPOSE 7437
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.INKSTONE_PORT ?? 7437) + '/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Docker sends SIGTERM and waits 10 s; running tasks may take longer: docker stop -t 40, or stop_grace_period in compose.yaml.
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["serve"]

FROM nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04 AS cuda
COPY --from=program /usr/local/bin/node /usr/local/bin/node
COPY --from=program --chown=root:root /inkstone /inkstone
COPY --from=cuda-provider /provider/libraries /inkstone/node_modules/onnxruntime-node/bin/napi-v6/linux/x64
RUN install -d -o ubuntu -g ubuntu /data /data/models
WORKDIR /inkstone
ENV NODE_ENV=production \
    INKSTONE_HOST=0.0.0.0 \
    INKSTONE_DATA_DIR=/data \
    INKSTONE_DEVICE=cuda
USER 1000:1000
VOLUME /data
EXPOSE 7437
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.INKSTONE_PORT ?? 7437) + '/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/cli/main.js"]
CMD ["serve"]

# The last stage is what `docker build` makes unless --target names another one.
FROM program
