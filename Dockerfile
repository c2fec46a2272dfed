FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -o /out/ ./starter ./worker

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/starter /usr/local/bin/sluice
COPY --from=build /out/worker /usr/local/bin/sluice-worker
ENTRYPOINT ["/usr/local/bin/sluice-worker"]
