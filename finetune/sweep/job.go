package sweep

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
)

// Job says how an engine runs a study.
type Job struct {
	Plan  string // path of the plan file: where the jobs see it, for Slurm
	Graft string // path of the program there
	Jobs  int    // array tasks in each stage at most; 0: one a cell, at most 1000

	Image string // kubernetes: the container, whose entry point is graft
	Claim string // kubernetes: the volume claim that holds the plan's folder
}

// mostTasks is how many tasks an array has where none is asked for: Slurm's own limit is
// 1001 unless its MaxArraySize says otherwise.
const mostTasks = 1000

// jobStage is a stage as a template sees it.
type jobStage struct {
	Stage string
	Tasks int
}

func (s *Study) stages(most int) (list []jobStage) {
	if most == 0 {
		most = mostTasks
	}
	for _, stage := range []string{Bases, Rest} {
		if n := len(s.Stage(stage)); n > 0 {
			list = append(list, jobStage{stage, min(n, most)})
		}
	}
	return list
}

// shellQuote makes one word of the shell.
func shellQuote(v string) string { return "'" + strings.ReplaceAll(v, "'", `'\''`) + "'" }

var jobFuncs = template.FuncMap{"sh": shellQuote, "yaml": strconv.Quote, "less": func(n int) int { return n - 1 }}

var slurmTemplate = template.Must(template.New("slurm").Funcs(jobFuncs).Parse(`#!/bin/sh
# A study of graft on Slurm. Run this on a login node: it submits an array of jobs for each
# stage, the second once the first is done. Run it again after failures: what is done stays.
# sbatch takes further options from its environment: SBATCH_PARTITION, SBATCH_TIMELIMIT, ...
set -eu
plan={{sh .Job.Plan}}
graft={{sh .Job.Graft}}
if [ -n "${SLURM_ARRAY_TASK_ID-}" ]; then # one task: $1 is the stage, $2 the number of its tasks
	exec "$graft" sweep run "$plan" --stage "$1" --shard "auto/$2" --threads 1 -v
fi
logs=$(dirname "$plan")/logs
mkdir -p "$logs"
after=
{{range .Stages}}after=$(sbatch --parsable $after --job-name=graft-{{.Stage}} --array=0-{{less .Tasks}} --ntasks=1 --cpus-per-task=1 \
	--output="$logs/{{.Stage}}-%a.log" --open-mode=append "$0" {{.Stage}} {{.Tasks}})
echo "{{.Stage}}: job $after"
after=--dependency=afterok:${after%%;*}
{{end}}`))

// Slurm writes a job script that submits the study to Slurm, bases before what copies
// them.
func (s *Study) Slurm(w io.Writer, j Job) error {
	return slurmTemplate.Execute(w, struct {
		Job    Job
		Stages []jobStage
	}{j, s.stages(j.Jobs)})
}

var kubernetesTemplate = template.Must(template.New("kubernetes").Funcs(jobFuncs).Parse(`# A study of graft on Kubernetes: an Indexed Job for each stage. The claim holds the plan's
# folder, which all pods share. The second job waits for the networks of the first.
{{range $i, $s := .Stages}}{{if $i}}---
{{end}}apiVersion: batch/v1
kind: Job
metadata:
  name: graft-{{.Stage}}
  labels: {app: graft}
spec:
  completionMode: Indexed
  completions: {{.Tasks}}
  parallelism: {{.Tasks}}
  backoffLimitPerIndex: 3
  template:
    metadata:
      labels: {app: graft}
    spec:
      restartPolicy: Never
      containers:
        - name: graft
          image: {{yaml $.Job.Image}}
          args: ["sweep", "run", {{yaml $.Job.Plan}}, "--stage", "{{.Stage}}", "--shard", "auto/{{.Tasks}}", "--threads", "1", "--wait", "720h", "-v"]
          resources:
            requests: {cpu: "1", memory: 3Gi}
          volumeMounts:
            - {name: study, mountPath: /study}
      volumes:
        - name: study
          persistentVolumeClaim: {claimName: {{yaml $.Job.Claim}}}
{{end}}`))

// Kubernetes writes a manifest of Indexed Jobs.
func (s *Study) Kubernetes(w io.Writer, j Job) error {
	if data := s.Plan.Data; filepath.IsAbs(data) || strings.HasPrefix(filepath.ToSlash(data), "../") {
		return &hinted{fmt.Errorf("sweep: the data %q lie outside the plan's folder, which is all that the pods share", data), "put them beside the plan, and plan again"}
	}
	j.Plan = "/study/" + filepath.Base(j.Plan)
	return kubernetesTemplate.Execute(w, struct {
		Job    Job
		Stages []jobStage
	}{j, s.stages(j.Jobs)})
}
