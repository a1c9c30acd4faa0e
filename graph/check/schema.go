package check

import _ "embed"

// Schema is the JSON schema (draft 2020-12) of check files, for editors.
//
//go:embed check.schema.json
var Schema []byte
