# graft alone, after make release: docker build -t graft .
#
#   docker run --rm -v "$PWD:/work" -u "$(id -u)" graft finetune model.onnx photos -o mine.onnx
#   docker run --rm -v "$PWD:/work" -p 127.0.0.1:8080:8080 graft serve --addr 0.0.0.0:8080
FROM scratch
ARG TARGETARCH=amd64
# what graft models pull trusts
COPY --from=alpine:3 /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY dist/LICENSES.txt /
COPY dist/graft-linux-${TARGETARCH} /graft
ENV HOME=/work
WORKDIR /work
ENTRYPOINT ["/graft"]
