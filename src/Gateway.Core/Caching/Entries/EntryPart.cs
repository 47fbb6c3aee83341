namespace Gateway.Core.Caching.Entries;

/// <summary>A part of an entry, copied straight to where it is wanted, so that no block has to be rented for the whole.</summary>
/// <param name="To">Address of the first byte to write; 0 for no such part. Valid until the read has ended.</param>
/// <param name="From">Where in the entry it begins.</param>
/// <param name="Bytes">Its length; an entry that ends before it is not what was looked for.</param>
internal readonly record struct EntryPart(nint To, int From, int Bytes);
