// Package serve is the local page of graft and its endpoint for inference: an
// http.Handler over models and run folders, with nothing outside the program.
//
//	GET  /                                  the page: try a model, watch and compare runs
//	GET  /api/models, /api/models/{m}       what can be tried, and what it is
//	POST /api/models/{m}/predict            the body is a photograph; what each head tells
//	POST /api/models/{m}/explain            which part of it decided (Grad-CAM)
//	GET  /api/runs, /api/runs/{r}           runs, and the course of one
//	GET  /api/runs/{r}/events               the same each time it changes (server-sent events)
//	GET  /runs/{r}/report.html              a run's report
//	GET  /v2/...   POST /v2/models/{m}/infer  the Open Inference Protocol
//
// # Open Inference Protocol
//
// The REST form of version 2,
// https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md,
// with the extension for binary tensor data,
// https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_binary_data.html.
// Names, datatypes and shapes are the model's own, -1 for what it leaves open; there is
// one version, "1". A parameter that is not known is refused by name.
//
// # Computing
//
// One computation runs at a time, on all threads; the others wait in order, so many of
// them and so long as [Limits] say, and are then answered 503. A model is compiled once
// for each set of shapes that it is asked for, and the least recently used programs make
// room for new ones.
//
// # Who may ask
//
// The page has no password: it is for the machine it runs on. A request whose Host is no
// loopback name is refused, so that no foreign page can reach it under a name of its own
// (DNS rebinding), and so is what another page posts. Pages may load only what comes from
// here. Nothing of a request becomes a path: runs are looked up among those listed, and
// read through an [os.Root].
package serve
