use super::{alone, whole};
use crate::scenario::kubectl::*;
use crate::scenario::source::Place;

fn line(text: &str) -> Line {
    match Line::parse(text, Place::default()) {
        Ok(line) => line,
        Err(wrong) => panic!("{text}: {}: {}", wrong.start, wrong.mistake.message),
    }
}

fn refused(text: &str) -> String {
    let Misread { start: at, length, mistake } = Line::parse(text, Place::default()).unwrap_err();
    let near = mistake.nearest.map(|n| format!(", did you mean `{n}`?")).unwrap_or_default();
    format!("{at}+{length}: {}{near}", mistake.message)
}

const LINES: &[&str] = &[
    "apply -f a.yaml -f b.yaml --server-side --force-conflicts --dry-run=server",
    "kubectl apply -f=a.yaml -n other --validate=false",
    "create deployment web --image=x:v1 --replicas=3 --port=80 -- sleep 10",
    "create job work --image=x -- exit 3 0",
    "create job now --from=cronjob/tick",
    "create cronjob tick --image=x --schedule='*/5 * * * *' -- true",
    "create cm late --from-literal=a=b --from-literal c=d",
    "create ns other",
    "create pdb web --selector=app=web --min-available=50%",
    "create quota q --hard=pods=5",
    "create secret generic s --from-literal=a=b",
    "create sa robot",
    "create priorityclass high --value=1000 --preemption-policy=Never",
    "create -f a.yaml",
    "run big --image=x:v1 --overrides='{\"spec\":{\"containers\":[{\"name\":\"big\"}]}}' || true",
    "run once --image=x --restart=Never --env=A=b --labels=a=b -- exit 1 0",
    "expose deploy/web --port=80 --target-port=http --name=web",
    "autoscale deploy web --min=1 --max=5 --cpu-percent=80",
    "delete pod db-1 --grace-period=0 --force --wait=false",
    "delete pod db-1 --grace-period -1",
    "delete sts db --cascade=orphan",
    "delete deploy web --cascade",
    "delete pod -l app=agent --field-selector spec.nodeName=node-21 || true",
    "delete pods --all -A --timeout=30s --ignore-not-found",
    "delete deploy,svc web",
    "delete -f a.yaml --now",
    "scale deploy/web --replicas=7 --current-replicas=3 --timeout=1m",
    "scale --replicas=0 deploy/web sts/x",
    "set image deploy/web app=registry.local/app:v2 || true",
    "set image deployment web app=x sidecar=y",
    "set resources deploy web --limits=cpu=200m,memory=512Mi --requests=cpu=100m",
    "set env deploy/web A=b C-",
    "rollout status deploy/web --timeout=180s",
    "rollout status -w=false sts/db --revision=2",
    "rollout undo deploy web --to-revision=2",
    "rollout restart deploy -l app=web",
    "rollout pause deploy/web",
    "rollout resume deploy/web",
    "rollout history ds/agent --revision=1 -o yaml",
    "patch deploy/web --type=json -p '[{\"op\":\"remove\",\"path\":\"/spec/x\"}]'",
    "patch cm held --type merge --patch 'metadata: {finalizers: null}'",
    "patch deploy web --subresource=scale -p '{\"spec\":{\"replicas\":2}}'",
    "label node node-24 pool=other --overwrite",
    "label pods --all tier- stage=test",
    "annotate deploy/web note='a b' old-",
    "taint node node-22 k=v:NoSchedule",
    "taint nodes node-1 node-2 k=v:NoExecute- other- --overwrite",
    "cordon node-1 node/node-2",
    "uncordon -l pool=main",
    "drain node-51 --ignore-daemonsets --delete-emptydir-data --force --timeout=60s",
    "drain node-1 --pod-selector=app=web --grace-period=-1 --disable-eviction=true",
    "wait --for=condition=complete job/ok --timeout=120s",
    "wait --for=condition=Ready=false pod -l app=web --timeout=-1s",
    "wait --for=delete pod/a pod/b",
    "wait --for=jsonpath='{.status.phase}'=Running pod/x",
    "get pods -o wide",
    "get deploy,rs,pods -owide --show-labels -A",
    "get pods -L app,tier -L zone --sort-by=.metadata.creationTimestamp --no-headers",
    "get nodes -o custom-columns=NAME:.metadata.name,CPU:.status.allocatable.cpu",
    "get pods -o jsonpath='{.items[0].spec}' -w",
    "get all",
    "get widgets.example.com",
    "describe node node-6",
    "describe quota",
    "events --for deploy/web --types=Warning",
];

#[test]
fn every_command_of_a_terminal_is_read() {
    for text in LINES {
        line(text);
    }
}

#[test]
fn a_line_may_tolerate_failure_and_go_on_in_the_background() {
    let it = line("rollout status deploy/web --timeout=5s || true");
    assert!(it.tolerant && !it.background);
    let it = line("drain node-1 &");
    assert!(!it.tolerant && it.background);
    assert!(line("drain node-1 || true &").tolerant);
}

#[test]
fn a_line_takes_words_from_another() {
    let it = line(
        "delete --wait=false $(kubectl get pod -l app=web --sort-by=.metadata.creationTimestamp \
         -o name | head -1) || true",
    );
    assert_eq!(it.substitutions[0].cut, Cut::Head(1));
    assert_eq!(it.substitutions[0].cut.lines("pod/a\npod/b\n"), ["pod/a"]);
    assert_eq!(Cut::Tail(1).lines("pod/a\npod/b\n"), ["pod/b"]);
    let command = it.with_outputs(&[vec!["pod/a".into(), "pod/b".into()]]).unwrap().command;
    let Command::Delete(delete) = command else { panic!("{command:?}") };
    assert!(!delete.wait);
    assert_eq!(delete.targets, ["pod/a", "pod/b"]);
    let empty = it.with_outputs(&[vec![]]).unwrap_err();
    assert_eq!(empty.mistake.message, "neither a resource nor `-f` is given");
}

#[test]
fn what_is_wrong_is_told_at_its_word() {
    let table = [
        ("aply -f x", "0+4: unknown `kubectl` command `aply`, did you mean `apply`?"),
        ("logs deploy/web", "0+4: `kubectl logs` is not supported: containers write nothing"),
        (
            "scale deploy/web --replcas=3",
            "17+11: unknown `kubectl scale` flag `--replcas`, did you mean `--replicas`?",
        ),
        ("scale deploy/web", "0+16: `kubectl scale` lacks `--replicas <REPLICAS>`"),
        (
            "scale deploy/web --replicas=x",
            "17+12: `x` is no value of `--replicas`; invalid digit found in string",
        ),
        (
            "get deploymnets",
            "4+11: unknown resource type `deploymnets`, did you mean `deployments`?",
        ),
        (
            "rollout stats deploy/web",
            "8+5: unknown `kubectl rollout` command `stats`, did you mean `status`?",
        ),
        (
            "rollout status deploy/web --timeout=60",
            "26+12: `60` is no value of `--timeout`; expected a duration such as `30s` or `2m`",
        ),
        ("get pods | head -3", "9+1: `|` is not supported here"),
        ("get pods && true", "9+2: `&&` is not supported here"),
        ("patch deploy/web -p '{a'", "20+4: the patch is no JSON: this is no YAML: "),
        ("label node node-1", "0+17: no label is given, as in `key=value` or `key-`"),
        ("taint node n k=v:Never", "13+9: invalid taint effect: Never"),
        ("taint pod n k=v:NoExecute", "0+25: only nodes have taints, not pods"),
        ("apply", "0+5: must specify one of -f"),
        ("", "0+0: nothing here, expected a kubectl command"),
        ("get pods -o toml", "12+4: `toml` is no value of `--output`; expected one of"),
        ("delete $(delete pod x)", "7+15: only `kubectl get` may stand inside `$(…)`"),
        ("get deploy/web pods", "15+4: there is no need to specify a resource type as a"),
    ];
    for (text, expected) in table {
        let told = refused(text);
        assert!(told.starts_with(expected), "{text:?}\n  {told}\n  {expected}");
    }
}

#[test]
fn a_command_alone_has_the_grammar_that_it_has_among_all() {
    let (known, all) = (Command::NAMES, whole());
    let names: Vec<&str> = all.get_subcommands().map(clap::Command::get_name).collect();
    assert_eq!(known, names);
    for name in known {
        let alone = alone(name).expect("a name is that of a command");
        let part = |of: &clap::Command| {
            let part = of.find_subcommand(name).expect("it has the command").clone();
            // What it is about and where it stands among others is of use for help alone.
            format!("{:?}", part.about("").long_about("").display_order(0))
        };
        assert!(part(&alone) == part(&all), "the grammar of {name}");
        let arguments =
            |of: &clap::Command| format!("{:?}", of.get_arguments().collect::<Vec<_>>());
        assert!(arguments(&alone) == arguments(&all), "the arguments of {name}");
    }
}
