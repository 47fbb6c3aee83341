using Gateway.Core.Caching.Flights;
using Gateway.Core.Caching.Keys;
using Gateway.Core.Caching.Storage;

namespace Gateway.Core.Caching;

/// <summary>One thing for the writer to do.</summary>
/// <param name="Model">Whose entry it is; null for one of a model that is not served now, and for a mere <paramref name="Done"/>.</param>
/// <param name="Entry">The writer's to release; none when all that the model has was deleted.</param>
/// <param name="Flight">The flight that ends when it is done.</param>
/// <param name="Shard">Where that is.</param>
/// <param name="Old">Where the store has the same entry, which is to be made the latest; -1 for a new one.</param>
/// <param name="Done">Completes when everything before it is done, and on disk if there is one.</param>
internal readonly record struct WriteItem(ModelCache? Model, CacheKey Key, StoredEntry Entry, Flight? Flight, FlightShard? Shard, long Old, TaskCompletionSource? Done);
