using Gateway.Core.Caching.Flights;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;

namespace Gateway.Core.Caching;

/// <summary>One thing for the writer to do.</summary>
/// <param name="Model">Whose entry it is; null for one of a model that is not served now, for a mere <paramref name="Done"/>, and for a model that is gone.</param>
/// <param name="Entry">The writer's to release; none when all that the model has was deleted, or it is gone.</param>
/// <param name="Flight">The flight that ends when it is done; null for what was there before, here or before a restart.</param>
/// <param name="Shard">Where that is.</param>
/// <param name="Old">What the store has under its key. Without a flight: the same entry, which is to be made the latest, or nothing for one from before a restart.</param>
/// <param name="Done">Completes when everything before it is done, and on disk if there is one.</param>
/// <param name="Clears">Of a flight: how often the model's answers had been deleted when its run began. Of a deletion: how often they have been, this time included.</param>
internal readonly record struct WriteItem(
    ModelCache? Model, CacheKey Key, StoredEntry Entry, Flight? Flight, FlightShard? Shard, OldEntry Old, TaskCompletionSource? Done, int Clears = 0);
