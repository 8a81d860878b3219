// What one gateway ends while another does not hear of it, in a cluster.
import { DEAF, signedOutElsewhere } from '../harness/feed.mjs';
import { replicas } from '../harness/replicas.mjs';
import { clusterStore } from '../harness/cluster.mjs';

// I2, RS-05, RS-11
for (const [how, deafen] of Object.entries(DEAF)) {
  replicas(`the feed of one gateway is ${how}, in a cluster: what another ends, it passes by what it keeps`, { count: 2, store: clusterStore }, (world) =>
    signedOutElsewhere(world, deafen),
  );
}
