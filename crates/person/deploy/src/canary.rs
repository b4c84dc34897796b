//! The canary: a race build that answers a share of the requests.

use crate::object::Object;
use crate::plan::{Part, Plan, Share, Split};
use crate::pod::{self, RaceBuild};
use crate::{size, stable};

/// The name of its Deployment, and of its Service where it has one.
pub(crate) fn name(plan: &Plan) -> String {
    format!("{}-race", plan.service)
}

/// Its pods, and their Service if the share is one of weights.
pub(crate) fn objects(plan: &Plan) -> Vec<Object> {
    let canary = &plan.canary;
    let (share, about) = match canary.split {
        Split::Weights => {
            let about = format!(
                "The canary: a race build that answers {} of the requests, by the weights of the route.",
                canary.share
            );
            (canary.share, about)
        }
        Split::Replicas => {
            let (race, all, share) = plan.replica_share();
            let about = format!(
                "The canary: {race} of {all} pods behind one Service, so about {:.1} % of the connections. It follows the number \
                 of normal pods: with fewer of them it is more.",
                share * 100.0
            );
            (Share((share * 1e6) as u32), about)
        }
    };
    let mut command = vec![format!("{}-race", plan.binary)];
    command.extend(pod::service_args(plan));
    let build = RaceBuild {
        name: name(plan),
        app: plan.service.clone(),
        source: Part::Canary.name(),
        image: &plan.images.race,
        replicas: Some(canary.replicas),
        command,
        environment: pod::service_environment(plan),
        secrets: &plan.secrets,
        size: size::race(plan, share, canary.replicas),
        serves: true,
        stop_seconds: pod::STOP_SECONDS,
        config: None,
    };
    let mut objects = vec![pod::race_build(plan, build, "race.yaml", &about)];
    if canary.split == Split::Weights {
        let typed = stable::service(plan, &name(plan), &plan.service, Some("race"));
        objects.push(Object::new(
            "race.yaml",
            "The canary alone; the route sends it its share.",
            &typed,
        ));
        if canary.replicas > 1 {
            let about = "A route does not ask the normal build when the canary has no pod: somebody has to be there.";
            objects.push(stable::budget(plan, &plan.service, "race", about));
        }
    }
    objects
}
