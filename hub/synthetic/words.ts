import type { Random } from './random.ts'

/** What a kind of goods is called and costs; the price is the median of a log-normal. */
export interface Range {
  readonly name: string
  readonly priceMedian: number
  readonly nouns: readonly string[]
  readonly qualities: readonly string[]
}

const range = (name: string, priceMedian: number, nouns: string, qualities: string): Range => ({
  name,
  priceMedian,
  nouns: nouns.split(', '),
  qualities: qualities.split(', '),
})

export const ranges: readonly Range[] = [
  range(
    'Garden',
    24,
    'Watering Can, Hand Trowel, Pruning Shears, Raised Bed, Plant Pot, Garden Hose, Rake, Seed Tray',
    'Zinc, Cedar, Copper, Terracotta, Folding, Long-Handled',
  ),
  range(
    'Kitchen',
    32,
    'Chef Knife, Saucepan, Chopping Board, Mixing Bowl, Coffee Grinder, Baking Tin, Kettle, Spice Mill',
    'Cast-Iron, Walnut, Enamel, Stainless, Ceramic, Non-Stick',
  ),
  range(
    'Bedding',
    45,
    'Duvet Cover, Pillow, Fitted Sheet, Blanket, Quilt, Mattress Topper, Bedspread, Pillowcase Set',
    'Linen, Cotton, Woollen, Washed, Quilted, Percale',
  ),
  range(
    'Lighting',
    58,
    'Desk Lamp, Floor Lamp, Pendant, Night Light, Wall Light, Lantern, String Lights, Reading Lamp',
    'Brass, Opal, Dimmable, Rattan, Smoked-Glass, Rechargeable',
  ),
  range(
    'Cycling',
    39,
    'Bicycle Helmet, Saddle, Pannier Bag, Bike Lock, Pedal Set, Track Pump, Bottle Cage, Rear Light',
    'Lightweight, Commuter, Waterproof, Alloy, Reflective, Touring',
  ),
  range(
    'Camping',
    66,
    'Tent, Sleeping Bag, Camp Stove, Head Torch, Folding Chair, Cool Box, Dry Bag, Sleeping Mat',
    'Four-Season, Compact, Insulated, Two-Person, Ripstop, Trail',
  ),
  range(
    'Toys',
    19,
    'Building Blocks, Jigsaw Puzzle, Marble Run, Kite, Toy Train, Doll House, Balance Bike, Memory Game',
    'Wooden, Magnetic, Painted, Travel, Giant, Classic',
  ),
  range(
    'Stationery',
    11,
    'Notebook, Fountain Pen, Desk Organiser, Sketch Pad, Weekly Planner, Pencil Case, Letter Set, Ruler',
    'Dotted, Leather, Recycled, Refillable, Pocket, Clothbound',
  ),
  range(
    'Audio',
    89,
    'Headphones, Bookshelf Speaker, Turntable, Earbuds, Soundbar, Radio, Microphone, Phono Cable',
    'Wireless, Portable, Noise-Cancelling, Walnut-Cased, Studio, Splashproof',
  ),
  range(
    'Knitwear',
    62,
    'Cardigan, Roll-Neck Jumper, Scarf, Beanie, Mittens, Knitted Vest, Bed Socks, Poncho',
    'Merino, Lambswool, Cable-Knit, Ribbed, Fair-Isle, Chunky',
  ),
  range(
    'Footwear',
    84,
    'Walking Boots, Trainers, Sandals, Slippers, Wellingtons, Loafers, Ankle Boots, Canvas Shoes',
    'Suede, Waterproof, Vegan, Wide-Fit, Cushioned, Hand-Stitched',
  ),
  range(
    'Pantry',
    8,
    'Olive Oil, Ground Coffee, Blossom Honey, Dark Chocolate, Loose-Leaf Tea, Sea Salt, Granola, Fig Jam',
    'Organic, Single-Origin, Smoked, Stone-Ground, Unsweetened, Small-Batch',
  ),
  range(
    'Bathroom',
    21,
    'Bath Towel, Soap Dish, Shower Caddy, Bath Mat, Mirror, Toothbrush Holder, Laundry Basket, Bathrobe',
    'Waffle, Bamboo, Frosted, Quick-Dry, Wall-Mounted, Stone',
  ),
  range(
    'Tools',
    34,
    'Cordless Drill, Socket Set, Spirit Level, Claw Hammer, Tape Measure, Work Light, Hand Saw, Tool Bag',
    'Heavy-Duty, Brushless, Magnetic, Compact, Insulated, Folding',
  ),
  range(
    'Pets',
    17,
    'Dog Lead, Cat Bed, Food Bowl, Scratching Post, Chew Toy, Travel Crate, Grooming Brush, Harness',
    'Padded, Washable, Woven, Non-Slip, Sisal, Adjustable',
  ),
  range(
    'Fitness',
    29,
    'Yoga Mat, Kettlebell, Resistance Band, Skipping Rope, Foam Roller, Dumbbell Pair, Gym Bag, Step',
    'Cork, Neoprene, Weighted, Textured, Extra-Thick, Adjustable',
  ),
]

// A shop with more categories than ranges sells the same range to several tastes.
const tastes = ['', 'Junior ', 'Professional ', 'Vintage ', 'Outlet ', 'Travel ', 'Handmade ']

export const categoriesTotalMax = ranges.length * tastes.length

export function categoryName(position: number): string {
  const taste = tastes[Math.floor(position / ranges.length)] ?? ''
  return `${taste}${ranges[position % ranges.length]?.name ?? ''}`
}

const openings = ['Bar', 'Cal', 'Den', 'Fen', 'Hal', 'Lor', 'Mar', 'Nor', 'Os', 'Per', 'Sol', 'Wen']
const endings = ['dal', 'vik', 'more', 'bury', 'lund', 'ette', 'wick', 'ora', 'stead', 'ley']

/** A maker nobody has heard of, so that no generated item passes for a real one. */
export function makerName(random: Random): string {
  return `${random.pick(openings)}${random.pick(endings)}`
}
