package serve

import (
	"embed"
	"net/http"
	"path"

	"graft/finetune/report"
)

//go:embed web
var web embed.FS

// kinds are the types of the page's files. A system's own table may say otherwise.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// file answers with one of the page's own files.
func (s *Server) file(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("file")
	switch r.URL.Path {
	case "/":
		name = "index.html"
	case "/favicon.ico":
		name = "icon.svg"
	}
	b, err := web.ReadFile(path.Join("web", path.Base(name)))
	if err != nil {
		return refuse(http.StatusNotFound, "there is no file %s", quote(name))
	}
	if name == "page.css" { // the look of graft's reports, and what is more than that
		b = append([]byte(report.Style()), b...)
	}
	s.send(w, http.StatusOK, kinds[path.Ext(name)], b)
	return nil
}
