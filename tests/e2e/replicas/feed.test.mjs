// What one gateway ends while another does not hear of it.
import { DEAF, signedOutElsewhere } from '../harness/feed.mjs';
import { replicas } from '../harness/replicas.mjs';

// I2, RS-05
for (const [how, deafen] of Object.entries(DEAF)) {
  replicas(`the feed of one gateway is ${how}: what another ends, it passes by what it keeps`, { count: 2 }, (world) =>
    signedOutElsewhere(world, deafen),
  );
}
