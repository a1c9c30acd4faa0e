#!/bin/sh
# Runs a small study through the job script that graft writes, on a Slurm of this one machine,
# and wants the table of a run without it, byte for byte. One network's process is killed on
# the way; the script run again makes up for it. For root on Debian, after
#
#     apt-get install slurm-wlm munge && make build
#     testdata/interop/slurm.sh ./graft models/digits.npz
#
# Made with Slurm 22.05.
set -eu
graft=$(realpath "$1") digits=$(realpath "$2") host=$(hostname -s) dir=$(mktemp -d)
started=
trap 'kill $started 2>/dev/null; wait; rm -rf "$dir"' EXIT
grep -q "$host" /etc/hosts || echo "127.0.0.1 $host" >> /etc/hosts
mkdir -p /etc/slurm /run/munge "$dir/ctld" "$dir/d"
cat > /etc/slurm/slurm.conf <<CONF
ClusterName=one
SlurmctldHost=$host
SlurmUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
ReturnToService=2
StateSaveLocation=$dir/ctld
SlurmdSpoolDir=$dir/d
SlurmctldPidFile=$dir/ctld.pid
SlurmdPidFile=$dir/d.pid
MpiDefault=none
NodeName=$host CPUs=$(nproc) State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
chown munge: /run/munge
munge -n > /dev/null 2>&1 || su -s /bin/sh munge -c munged
slurmctld -D > "$dir/ctld.log" 2>&1 & started="$started $!"
slurmd -D > "$dir/d.log" 2>&1 & started="$started $!"
for i in 1 2 3 4 5 6 7 8 9 10; do sinfo -h -o %t 2>/dev/null | grep -q idle && break; sleep 1; done

for study in slurm local; do
	mkdir "$dir/$study"
	cp "$digits" "$dir/$study/digits.npz"
	(cd "$dir/$study" && "$graft" sweep plan digits.npz --arch convnet6 --size 8 --epochs 2 -b 32 --lr 0.05 --layers 2,4 -o plan.json -q > /dev/null)
done
cd "$dir/slurm"
"$graft" sweep slurm plan.json -o job.sh
wait_for_jobs() { while [ -n "$(squeue -h)" ]; do sleep 1; done; }
sh job.sh
for i in $(seq 60); do # the first process of the second stage that is seen
	victim=$(pgrep -f "sweep run $dir/slurm/plan.json --stage rest" | head -1)
	[ -n "$victim" ] && kill -9 "$victim" && break
	sleep 0.2
done
wait_for_jobs
if "$graft" sweep gather plan.json -o table.csv 2> missing; then echo 'nothing was missing after the kill' >&2; exit 1; fi
cat missing
sh job.sh
wait_for_jobs
"$graft" sweep gather plan.json -o table.csv
"$graft" sweep run "$dir/local/plan.json" -q > /dev/null
"$graft" sweep gather "$dir/local/plan.json" -o "$dir/local/table.csv"
cmp table.csv "$dir/local/table.csv"
echo "the tables are the same: $(wc -l < table.csv) lines"
