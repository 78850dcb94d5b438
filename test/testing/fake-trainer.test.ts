import { describe, it } from 'vitest'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { trainerContract } from '../../src/testing/trainer-contract.js'

describe('the fake trainer', () => trainerContract(it, async () => fakeTrainer()))
