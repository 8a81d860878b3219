// What one gateway ends while another does not hear of it, with Sentinel.
import { DEAF, signedOutElsewhere } from '../harness/feed.mjs';
import { replicas } from '../harness/replicas.mjs';
import { sentinelStore } from '../harness/sentinel.mjs';

// I2, RS-05, RS-08
for (const [how, deafen] of Object.entries(DEAF)) {
  replicas(`the feed of one gateway is ${how}, with Sentinel: what another ends, it passes by what it keeps`, { count: 2, store: sentinelStore }, (world) =>
    signedOutElsewhere(world, deafen),
  );
}
