# The configuration of the cluster in $DIR. Sourced by cluster.sh, which sets PORTS.

write_configuration() {
  local me
  me=$(id -un)
  write_gpus
  cat >"$DIR/slurmdbd.conf" <<END
AuthType=auth/munge
AuthInfo=socket=$DIR/munge/munge.socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=${PORTS[slurmdbd]}
SlurmUser=$me
LogFile=$DIR/log/slurmdbd.log
PidFile=$DIR/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StorageLoc=slurm_acct_db
END
  chmod 600 "$DIR/slurmdbd.conf" # slurmdbd refuses a file that others may read
  printf '#!/bin/sh\n[ ! -e "%s/bad-$SLURMD_NODENAME" ]\n' "$DIR" >"$DIR/prolog.sh"
  chmod 700 "$DIR/prolog.sh"
  cat >"$DIR/slurm.conf" <<END
ClusterName=srcnntest
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=${PORTS[slurmctld]}
SlurmUser=$me
SlurmdUser=$me

# cred_expire: a requeued job waits until its old credential has expired, two minutes by default.
AuthType=auth/munge
AuthInfo=socket=$DIR/munge/munge.socket,cred_expire=${CRED_EXPIRE:-10}
CredType=cred/munge

SlurmctldPidFile=$DIR/run/slurmctld.pid
SlurmdPidFile=$DIR/run/slurmd.%n.pid
SlurmctldLogFile=$DIR/log/slurmctld.log
SlurmdLogFile=$DIR/log/slurmd.%n.log
StateSaveLocation=$DIR/state
SlurmdSpoolDir=$DIR/spool/%n

# Neither cgroups nor anything else that needs root or the system's folders.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none

# A job that uses more memory than it asked for is killed, within a second or two. On real clusters cgroups do it.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100

MaxArraySize=${MAX_ARRAY_SIZE:-1001}
MaxJobCount=${MAX_JOB_COUNT:-20000}
# Not 1: a number from an earlier cluster in the same folder should not name a job of this one.
FirstJobId=${FIRST_JOB_ID:-$((1000 + RANDOM * 100))}
MaxJobId=${MAX_JOB_ID:-67043328}

SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=0,sched_min_interval=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
JobRequeue=1

# Everything that a test would have to wait for is short.
SlurmdTimeout=${SLURMD_TIMEOUT:-10}
SlurmctldTimeout=10
MessageTimeout=5
MinJobAge=${MIN_JOB_AGE:-30}
KillWait=${KILL_WAIT:-2}
ReturnToService=2

AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort=${PORTS[slurmdbd]}
AccountingStoragePass=$DIR/munge/munge.socket
AccountingStorageTRES=gres/gpu

# Where the file exists, no job can start on the node: its prolog fails.
Prolog=$DIR/prolog.sh

# The nodes have what the configuration says, not what the machine has.
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=DEFAULT CPUs=8 RealMemory=32000
# Two threads a core, as many GPU nodes have: SLURM gives whole cores, so a task may get more CPUs than it asked for.
NodeName=node1 NodeHostname=localhost NodeAddr=127.0.0.1 Port=${PORTS[node1]} Gres=gpu:2 CoresPerSocket=4 ThreadsPerCore=2
NodeName=node2 NodeHostname=localhost NodeAddr=127.0.0.1 Port=${PORTS[node2]}
NodeName=node3 NodeHostname=localhost NodeAddr=127.0.0.1 Port=${PORTS[node3]}
PartitionName=cpu Nodes=node2,node3 Default=YES PriorityTier=10 PreemptMode=OFF
PartitionName=gpu Nodes=node1 PriorityTier=10 PreemptMode=OFF
PartitionName=low Nodes=node2,node3 PriorityTier=1 PreemptMode=REQUEUE GraceTime=${GRACE_TIME:-10}
PartitionName=lowcancel Nodes=node2,node3 PriorityTier=1 PreemptMode=CANCEL GraceTime=${GRACE_TIME:-10}
# Here too a task gets more CPUs than it asked for: all of a node, or as many as its memory is counted as.
PartitionName=whole Nodes=node2,node3 PriorityTier=10 PreemptMode=OFF OverSubscribe=EXCLUSIVE
PartitionName=scant Nodes=node2,node3 PriorityTier=10 PreemptMode=OFF MaxMemPerCPU=500
END
}

# SLURM wants a character device for each GPU. Only root can make some; others lend their names to two that exist.
write_gpus() {
  if mknod "$DIR/dev/gpu0" c 1 3 2>/dev/null && mknod "$DIR/dev/gpu1" c 1 3 2>/dev/null; then
    echo "NodeName=node1 Name=gpu File=$DIR/dev/gpu[0-1]"
  else
    printf 'NodeName=node1 Name=gpu File=/dev/%s\n' null zero
  fi >"$DIR/gres.conf"
}
